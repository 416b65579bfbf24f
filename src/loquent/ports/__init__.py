"""The seams of the house: what a room may ask of another without knowing who answers."""

from loquent.ports.directory import ActivityBoard, ModelDirectory
from loquent.ports.listening import (
    AudioDecoder,
    Lane,
    Recognition,
    RecognitionOptions,
    RecognizerSource,
    SpeechRecognizer,
    Transcriber,
    VoiceActivityDetector,
    VoiceActivityStream,
)
from loquent.ports.live import LiveBoard, LiveRecognizerSource, LiveSession, LiveTranscriber
from loquent.ports.speaking import (
    PieceOptions,
    PieceSpeaker,
    PieceSpeakerSource,
    Speaker,
    SpokenPiece,
    VoiceDirectory,
)

__all__ = [
    "ActivityBoard",
    "AudioDecoder",
    "Lane",
    "LiveBoard",
    "LiveRecognizerSource",
    "LiveSession",
    "LiveTranscriber",
    "ModelDirectory",
    "PieceOptions",
    "PieceSpeaker",
    "PieceSpeakerSource",
    "Recognition",
    "RecognitionOptions",
    "RecognizerSource",
    "Speaker",
    "SpeechRecognizer",
    "SpokenPiece",
    "Transcriber",
    "VoiceActivityDetector",
    "VoiceActivityStream",
    "VoiceDirectory",
]
