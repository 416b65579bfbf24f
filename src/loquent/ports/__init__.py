"""The seams of the house: what a room may ask of another without knowing who answers."""

from loquent.ports.accounts import AccountStore
from loquent.ports.deployments import DeploymentBoard
from loquent.ports.directory import ActivityBoard, ModelDirectory
from loquent.ports.idempotency import AnswerStore, Claimed
from loquent.ports.ledger import Ledger
from loquent.ports.limits import RateLimiter, Treasury
from loquent.ports.listening import (
    AudioDecoder,
    Lane,
    Recognition,
    RecognitionOptions,
    RecognizerSource,
    RoutedTranscriber,
    SpeechRecognizer,
    Transcriber,
    VoiceActivityDetector,
    VoiceActivityStream,
)
from loquent.ports.live import LiveBoard, LiveRecognizerSource, LiveSession, LiveTranscriber
from loquent.ports.providers import Provider
from loquent.ports.speakers import (
    FRAME_S,
    N_VOICE_DIMENSIONS,
    N_WINDOW_SPEAKERS,
    WINDOW_S,
    Diarizer,
    VoiceAnalyst,
    VoiceAnalystSource,
    VoiceSpan,
    WindowVoices,
)
from loquent.ports.speaking import (
    PieceOptions,
    PieceSpeaker,
    PieceSpeakerSource,
    Speaker,
    SpokenPiece,
    VoiceDirectory,
)
from loquent.ports.stock import ModelStock

__all__ = [
    "FRAME_S",
    "N_VOICE_DIMENSIONS",
    "N_WINDOW_SPEAKERS",
    "WINDOW_S",
    "AccountStore",
    "ActivityBoard",
    "AnswerStore",
    "AudioDecoder",
    "Claimed",
    "DeploymentBoard",
    "Diarizer",
    "Lane",
    "Ledger",
    "LiveBoard",
    "LiveRecognizerSource",
    "LiveSession",
    "LiveTranscriber",
    "ModelDirectory",
    "ModelStock",
    "PieceOptions",
    "PieceSpeaker",
    "PieceSpeakerSource",
    "Provider",
    "RateLimiter",
    "Recognition",
    "RecognitionOptions",
    "RecognizerSource",
    "RoutedTranscriber",
    "Speaker",
    "SpeechRecognizer",
    "SpokenPiece",
    "Transcriber",
    "Treasury",
    "VoiceActivityDetector",
    "VoiceActivityStream",
    "VoiceAnalyst",
    "VoiceAnalystSource",
    "VoiceDirectory",
    "VoiceSpan",
    "WindowVoices",
]
