"""What is encoded plays with the length, the place in time and the loudness of the source."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from itertools import pairwise

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.codec.encoding.encoder import StreamEncoder, encode_whole
from loquent.codec.encoding.formats import (
    PCM_RATE_HZ,
    SpeechFormat,
    can_carry,
    carried_rates,
    chosen_rate_hz,
    media_type,
)
from loquent.codec.encoding.quantise import mulaw
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.speech import Waveform

SOURCE_RATE_HZ = 24_000
LEAD_S = 0.06
LONG_LEAD_S = 0.15
"""More silence than the delay of any codec at any rate."""

CHUNK = 997
RATES_HZ = (8_000, 16_000, 24_000, 48_000)
CARRIED = [
    (speech_format, rate_hz)
    for speech_format in SpeechFormat
    for rate_hz in RATES_HZ
    if can_carry(speech_format, rate_hz)
]
BARE = (SpeechFormat.WAV, SpeechFormat.PCM, SpeechFormat.MULAW)
DELAYS = {SpeechFormat.MP3: 1105, SpeechFormat.AAC: 1024}


def speech(lead_s: float = LEAD_S, sounding_s: float = 1.0) -> Waveform:
    """Return silence, then syllables: tones that swell and fade four times a second."""
    time_s = np.arange(round(sounding_s * SOURCE_RATE_HZ)) / SOURCE_RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * time_s + hz) for hz in (180, 540, 1_210, 1_830))
    sound = 0.1 * tones * (1 - np.cos(8 * np.pi * time_s)) / 2
    lead = np.zeros(round(lead_s * SOURCE_RATE_HZ))
    return np.concatenate([lead, sound]).astype(np.float32)


def streamed(
    samples: Waveform,
    speech_format: SpeechFormat,
    rate_hz: int | None = None,
    cuts: Sequence[int] | None = None,
) -> bytes:
    encoder = StreamEncoder(speech_format, SOURCE_RATE_HZ, rate_hz)
    places = [*range(0, len(samples), CHUNK)] if cuts is None else [0, *sorted(cuts)]
    chunks = [samples[start:end] for start, end in pairwise([*places, len(samples)])]
    return b"".join([*map(encoder.encode, chunks), encoder.finish()])


def decoded(
    file: bytes, speech_format: SpeechFormat, rate_hz: int, wanted_hz: int | None = None
) -> Waveform:
    """Return what PyAV makes of a `file` of `rate_hz`, at the wanted rate or its own."""
    headerless = speech_format is SpeechFormat.PCM
    options = {"sample_rate": str(rate_hz), "ch_layout": "mono"} if headerless else {}
    format_name = "s16le" if headerless else None
    resampler = av.AudioResampler("flt", "mono", wanted_hz or rate_hz)
    with av.open(io.BytesIO(file), "r", format=format_name, options=options) as container:
        frames = [part for f in container.decode(audio=0) for part in resampler.resample(f)]
    frames += resampler.resample(None)
    parts = [frame.to_ndarray().ravel() for frame in frames]
    return np.concatenate([np.empty(0, np.float32), *parts]).astype(np.float32)


def frame_samples(speech_format: SpeechFormat, rate_hz: int) -> int:
    """Return by how much a codec may lengthen what it is given; 1 where it has no frames.

    LAME ends with 576 samples at least, of which a decoder's delay takes 529.
    """
    if speech_format is SpeechFormat.MP3:
        return (1152 if rate_hz >= 32_000 else 576) + 576 - 529
    return {SpeechFormat.AAC: 1024}.get(speech_format, 1)


def energy(samples: Waveform) -> float:
    """Return the root of the energy: loudness that silence at the ends does not change."""
    return float(np.sqrt(np.square(samples, dtype=np.float64).sum()))


def decibels(ratio: float) -> float:
    return float(20 * np.log10(ratio))


def files(samples: Waveform, speech_format: SpeechFormat, rate_hz: int) -> list[bytes]:
    """Return the file that is streamed, and the one that is written at once."""
    whole = encode_whole(samples, speech_format, SOURCE_RATE_HZ, rate_hz)
    return [streamed(samples, speech_format, rate_hz), whole]


@pytest.mark.parametrize(("speech_format", "rate_hz"), CARRIED)
def test_a_file_is_as_long_as_its_source_within_a_frame(
    speech_format: SpeechFormat, rate_hz: int
) -> None:
    source = speech(LONG_LEAD_S)
    n_expected = len(source) * rate_hz / SOURCE_RATE_HZ
    for file in files(source, speech_format, rate_hz):
        n_more = len(decoded(file, speech_format, rate_hz)) - n_expected
        assert -1 <= n_more <= frame_samples(speech_format, rate_hz)


@pytest.mark.parametrize(("speech_format", "rate_hz"), CARRIED)
def test_speech_keeps_its_place_in_time(speech_format: SpeechFormat, rate_hz: int) -> None:
    source = speech(LONG_LEAD_S, 0.3)
    for file in files(source, speech_format, rate_hz):
        heard = decoded(file, speech_format, rate_hz, SOURCE_RATE_HZ)
        n_late = np.correlate(heard, source, "full").argmax() - (len(source) - 1)
        assert abs(n_late) <= SOURCE_RATE_HZ // 1_000


@pytest.mark.parametrize("speech_format", DELAYS)
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_sound_without_silence_is_lengthened_by_no_more_than_the_codecs_delay(
    speech_format: SpeechFormat, rate_hz: int
) -> None:
    source = speech(0.0)
    heard = decoded(streamed(source, speech_format, rate_hz), speech_format, rate_hz)
    n_more = len(heard) - len(source) * rate_hz / SOURCE_RATE_HZ
    assert 0 <= n_more <= DELAYS[speech_format] + frame_samples(speech_format, rate_hz)


@pytest.mark.parametrize(("speech_format", "rate_hz"), CARRIED)
def test_a_file_is_as_loud_as_its_source(speech_format: SpeechFormat, rate_hz: int) -> None:
    source = speech()
    for file in files(source, speech_format, rate_hz):
        heard = decoded(file, speech_format, rate_hz, SOURCE_RATE_HZ)
        assert abs(decibels(energy(heard) / energy(source))) < 0.5
        assert abs(decibels(float(np.abs(heard).max() / np.abs(source).max()))) < 0.5


@pytest.mark.parametrize("speech_format", BARE)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 4_800), max_size=8))
def test_how_a_stream_is_cut_changes_no_byte(speech_format: SpeechFormat, cuts: list[int]) -> None:
    source = speech(0.0, 0.2)
    rate_hz = 8_000
    assert streamed(source, speech_format, rate_hz, cuts) == streamed(
        source, speech_format, rate_hz, []
    )


@pytest.mark.parametrize("speech_format", SpeechFormat)
def test_a_long_stream_gives_bytes_before_its_end(speech_format: SpeechFormat) -> None:
    encoder = StreamEncoder(speech_format, SOURCE_RATE_HZ)
    source = speech()
    assert sum(len(encoder.encode(part)) for part in np.array_split(source, 20)) > 1_000


@pytest.mark.parametrize("speech_format", SpeechFormat)
def test_an_encoder_can_be_dropped_halfway(speech_format: SpeechFormat) -> None:
    encoder = StreamEncoder(speech_format, SOURCE_RATE_HZ)
    encoder.encode(speech())
    del encoder
    assert streamed(speech(), speech_format)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("n_samples", [0, 1, 12_345])
def test_the_standard_library_reads_every_sample_of_a_whole_wav(
    rate_hz: int, n_samples: int
) -> None:
    file = encode_whole(np.full(n_samples, 0.5, np.float32), SpeechFormat.WAV, rate_hz)
    with wave.open(io.BytesIO(file)) as read:
        params = (read.getnchannels(), read.getsampwidth(), read.getframerate(), read.getnframes())
        values = np.frombuffer(read.readframes(n_samples + 1), "<i2")
    assert params == (1, 2, rate_hz, n_samples)
    assert values.tolist() == [16_384] * n_samples


@pytest.mark.parametrize("speech_format", [SpeechFormat.WAV, SpeechFormat.MULAW])
@pytest.mark.parametrize("n_samples", [0, 1, 1_000, 1_001])
def test_a_whole_wav_tells_its_length_and_has_an_even_one(
    speech_format: SpeechFormat, n_samples: int
) -> None:
    file = encode_whole(np.zeros(n_samples, np.float32), speech_format, 8_000)
    assert len(file) % 2 == 0
    assert int.from_bytes(file[4:8], "little") == len(file) - 8
    assert len(decoded(file, speech_format, 8_000)) == n_samples


def test_pcm_is_the_samples_of_the_wav_and_nothing_else() -> None:
    source = speech()
    wav = encode_whole(source, SpeechFormat.WAV, SOURCE_RATE_HZ)
    assert encode_whole(source, SpeechFormat.PCM, SOURCE_RATE_HZ) == wav[44:]
    assert streamed(source, SpeechFormat.WAV)[44:] == wav[44:]


def test_flac_is_lossless_to_16_bits() -> None:
    source = speech()
    heard = decoded(streamed(source, SpeechFormat.FLAC), SpeechFormat.FLAC, SOURCE_RATE_HZ)
    assert np.abs(heard - source).max() <= 0.5 / 32_768


def reference_code(value: int) -> int:
    """Compress one sample as G.711's decision tree has it, segment by segment."""
    magnitude = min(abs(value), 32_635) + 132
    segment = next(s for s in range(8) if magnitude < 256 << s)
    code = (128 if value < 0 else 0) | segment << 4 | (magnitude >> segment + 3) - 16
    return code ^ 0xFF


def every_integer() -> npt.NDArray[np.int16]:
    return np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)


def test_mulaw_agrees_with_the_reference_on_every_sample() -> None:
    assert mulaw(every_integer()).tolist() == [reference_code(v) for v in range(-32_768, 32_768)]


def test_another_decoder_hears_every_mulaw_sample_within_half_a_step() -> None:
    integers = every_integer()
    decoder = av.CodecContext.create("pcm_mulaw", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    frames = decoder.decode(av.Packet(mulaw(integers).tobytes()))
    heard = np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.int64)
    magnitude = np.abs(integers.astype(np.int64))
    half_step = 4 << np.clip(np.floor(np.log2(magnitude + 132)).astype(np.int64) - 7, 0, 7)
    clipped = np.minimum(magnitude, 32_635) * np.sign(integers)
    assert (np.abs(heard - clipped) <= half_step).all()


@pytest.mark.parametrize(
    ("speech_format", "rate_hz", "named"),
    [
        (SpeechFormat.MULAW, 16_000, ["8000"]),
        (SpeechFormat.OPUS, 44_100, ["8000", "12000", "16000", "24000", "48000"]),
        (SpeechFormat.MP3, 96_000, ["8000", "22050", "48000"]),
        (SpeechFormat.AAC, 7_350, ["8000", "22050", "48000"]),
        (SpeechFormat.FLAC, 7_999, ["8000", "48000"]),
        (SpeechFormat.WAV, 48_001, ["8000", "48000"]),
        (SpeechFormat.PCM, 0, ["8000", "48000"]),
    ],
)
def test_a_rate_that_a_format_lacks_is_refused_with_those_it_has(
    speech_format: SpeechFormat, rate_hz: int, named: list[str]
) -> None:
    for encode in (
        lambda: StreamEncoder(speech_format, SOURCE_RATE_HZ, rate_hz),
        lambda: encode_whole(speech(), speech_format, SOURCE_RATE_HZ, rate_hz),
    ):
        with pytest.raises(UnsupportedOptionError) as caught:
            encode()
        assert caught.value.param == "sample_rate"
        assert str(speech_format) in caught.value.message
        assert all(rate in carried_rates(speech_format) for rate in named)
        assert carried_rates(speech_format) in caught.value.message


@pytest.mark.parametrize(
    ("speech_format", "source_rate_hz", "expected_hz"),
    [
        (SpeechFormat.MP3, 22_050, 22_050),
        (SpeechFormat.OPUS, 22_050, 24_000),
        (SpeechFormat.OPUS, 44_100, 48_000),
        (SpeechFormat.AAC, 96_000, 48_000),
        (SpeechFormat.WAV, 22_050, 22_050),
        (SpeechFormat.FLAC, 96_000, 48_000),
        (SpeechFormat.FLAC, 4_000, 8_000),
        (SpeechFormat.PCM, 22_050, PCM_RATE_HZ),
        (SpeechFormat.MULAW, 24_000, 8_000),
    ],
)
def test_without_a_wish_the_rate_is_the_nearest_that_loses_nothing(
    speech_format: SpeechFormat, source_rate_hz: int, expected_hz: int
) -> None:
    assert chosen_rate_hz(speech_format, source_rate_hz) == expected_hz
    encoder = StreamEncoder(speech_format, source_rate_hz)
    assert encoder.sample_rate_hz == expected_hz
    assert encoder.media_type == media_type(speech_format)


@pytest.mark.parametrize("speech_format", SpeechFormat)
def test_broken_samples_are_harmless(speech_format: SpeechFormat) -> None:
    broken = np.array([np.nan, np.inf, -np.inf, 7.0, -1e30] * 2_000, dtype=np.float32)
    for file in files(broken, speech_format, 8_000):
        heard = decoded(file, speech_format, 8_000)
        assert len(heard) >= len(broken) // 3
        assert np.isfinite(heard).all()


def test_samples_beyond_the_range_are_clipped_and_those_that_are_none_become_silence() -> None:
    broken = np.array([np.nan, np.inf, -np.inf, 7.0, -7.0, 1.0, 0.25], dtype=np.float32)
    file = streamed(broken, SpeechFormat.PCM, SOURCE_RATE_HZ)
    assert np.frombuffer(file, "<i2").tolist() == [0, 0, 0, 32_767, -32_768, 32_767, 8_192]


@pytest.mark.parametrize("speech_format", SpeechFormat)
def test_an_empty_sound_still_gives_a_file(speech_format: SpeechFormat) -> None:
    nothing = np.empty(0, np.float32)
    rate_hz = chosen_rate_hz(speech_format, SOURCE_RATE_HZ)
    most = DELAYS.get(speech_format, 0) + 2 * frame_samples(speech_format, rate_hz)
    for file in files(nothing, speech_format, rate_hz):
        assert bool(file) is (speech_format is not SpeechFormat.PCM)
        if file:
            heard = decoded(file, speech_format, rate_hz)
            assert len(heard) <= most
            assert not np.abs(heard).any()


def test_a_streamed_wav_can_be_given_the_header_of_a_whole_one() -> None:
    encoder = StreamEncoder(SpeechFormat.WAV, 24_000, 16_000)
    sound = np.linspace(-0.5, 0.5, 12_345, dtype=np.float32)
    streamed = encoder.encode(sound) + encoder.finish()
    header = encoder.exact_header()
    assert header + streamed[len(header) :] == encode_whole(sound, SpeechFormat.WAV, 24_000, 16_000)
    assert encoder.duration_s == pytest.approx(12_345 / 24_000, abs=1e-3)


def test_other_formats_have_no_header_to_put_back() -> None:
    assert StreamEncoder(SpeechFormat.MP3, 24_000).exact_header() == b""
