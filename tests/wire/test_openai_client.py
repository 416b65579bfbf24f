"""The official client is the judge: everything it can send, everything it can read."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from loquent.domain import errors
from loquent.domain.request import SpeechDetection
from loquent.domain.transcript import Task
from tests.fakes.fake_transcriber import HELLO, SERVING_MODEL, FakeTranscriber
from tests.wire.conftest import LiveServer, Serve

AUDIO = ("speech.wav", b"RIFF" + bytes(2000), "audio/wav")
TEXT = "Hello there. General speech."


def test_a_plain_transcription_reads_as_the_clients_type(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(model="whisper-1", file=AUDIO)
    assert answer.text == TEXT
    assert answer.usage is not None
    assert answer.usage.to_dict() == {"type": "duration", "seconds": 3}
    assert answer.model_extra is not None
    assert answer.model_extra["model"] == SERVING_MODEL
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


def test_the_file_arrives_whole_and_is_removed_afterwards(server: LiveServer) -> None:
    server.client().audio.transcriptions.create(model="whisper-1", file=AUDIO)
    call = server.transcriber.calls[-1]
    assert call.content == AUDIO[1]
    assert not call.path.exists()


def test_every_parameter_of_the_client_is_accepted(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="whisper-1",
        file=AUDIO,
        language="en",
        prompt="Obi-Wan",
        response_format="json",
        temperature=0.4,
        include=["logprobs"],
        chunking_strategy={
            "type": "server_vad",
            "prefix_padding_ms": 100,
            "silence_duration_ms": 250,
            "threshold": 0.25,
        },
        stream=False,
        extra_body={"diarise": False, "preference": "balanced", "eu_native": False},
    )
    assert answer.logprobs is not None
    assert answer.logprobs[0].token == HELLO[0].text
    call = server.transcriber.calls[-1]
    assert (call.request.language, call.request.prompt) == ("en", "Obi-Wan")
    assert call.request.temperature == 0.4
    assert call.request.token_scores
    assert call.request.detection == SpeechDetection(0.25, 100, 250)


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_text_formats_read_as_strings(server: LiveServer, form: Any) -> None:
    answer = server.client().audio.transcriptions.create(
        model="whisper-1", file=AUDIO, response_format=form
    )
    assert isinstance(answer, str)
    assert "Hello there." in answer


def test_verbose_answers_hold_exactly_the_granularities_asked(server: LiveServer) -> None:
    create = server.client().audio.transcriptions.create
    default = create(model="m", file=AUDIO, response_format="verbose_json")
    words = create(
        model="m",
        file=AUDIO,
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert default.segments is not None
    assert default.words is None
    assert default.language == "english"
    assert words.words is not None
    assert [word.word for word in words.words] == ["Hello there.", "General speech."]
    assert words.segments is None


def test_under_v0_the_default_is_verbose_with_segments_always(server: LiveServer) -> None:
    answer = server.client("/v0").audio.transcriptions.create(
        model="m", file=AUDIO, timestamp_granularities=["word"]
    )
    assert answer.model_extra is not None
    assert len(answer.model_extra["segments"]) == len(HELLO)
    assert len(answer.model_extra["words"]) == len(HELLO)


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
def test_transcription_works_under_every_prefix(server: LiveServer, prefix: str) -> None:
    answer = server.client(prefix).audio.transcriptions.create(model="m", file=AUDIO)
    assert answer.text == TEXT


def test_names_of_gpt_4o_get_usage_in_tokens(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(model="gpt-4o-transcribe", file=AUDIO)
    assert answer.usage is not None
    assert answer.usage.type == "tokens"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@pytest.mark.parametrize("form", ["json", "text", "srt", "verbose_json", "vtt"])
def test_translations_answer_in_every_format(server: LiveServer, form: Any) -> None:
    answer = server.client().audio.translations.create(
        model="m", file=AUDIO, prompt="loudly", response_format=form, temperature=0.8
    )
    text = answer if isinstance(answer, str) else answer.text
    assert "Hello there." in text
    assert server.transcriber.calls[-1].request.task is Task.TRANSLATE


def test_a_stream_yields_deltas_that_join_to_the_final_text(server: LiveServer) -> None:
    stream = server.client().audio.transcriptions.create(
        model="whisper-1", file=AUDIO, stream=True, include=["logprobs"]
    )
    events = list(stream)
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    final = events[-1]
    assert final.type == "transcript.text.done"
    assert "".join(deltas) == final.text == TEXT
    assert final.usage is not None
    assert final.usage.total_tokens > 0
    assert [event.type for event in events].count("transcript.text.done") == 1


def test_an_error_in_the_middle_of_a_stream_is_raised_by_the_client(serve: Serve) -> None:
    server = serve(FakeTranscriber([*HELLO, errors.WorkerCrashedError("The worker died.")]))
    stream = server.client().audio.transcriptions.create(model="m", file=AUDIO, stream=True)
    assert next(stream).type == "transcript.text.delta"
    with pytest.raises(openai.APIError, match="The worker died") as raised:
        list(stream)
    assert raised.value.code == "worker_crashed"


def test_an_error_before_the_first_event_is_a_plain_http_error(serve: Serve) -> None:
    server = serve(FakeTranscriber([errors.InvalidAudioError("That is no audio.", param="file")]))
    with pytest.raises(openai.BadRequestError) as raised:
        server.client().audio.transcriptions.create(model="m", file=AUDIO, stream=True)
    assert raised.value.code == "invalid_audio"
    assert raised.value.param == "file"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.InvalidAudioError("no"), openai.BadRequestError),
        (errors.AuthenticationError("no"), openai.AuthenticationError),
        (errors.PermissionDeniedError("no"), openai.PermissionDeniedError),
        (errors.ModelNotFoundError("no"), openai.NotFoundError),
        (errors.RateLimitError("no", retry_after_s=2.2), openai.RateLimitError),
        (errors.PayloadTooLargeError("no"), openai.APIStatusError),
        (errors.EngineError("no"), openai.InternalServerError),
        (errors.ModelNotReadyError("no", retry_after_s=0.1), openai.InternalServerError),
        (ValueError("a secret at /root/weights"), openai.InternalServerError),
    ],
)
def test_every_error_raises_the_class_of_its_status(
    serve: Serve, error: Exception, expected: type[openai.APIStatusError]
) -> None:
    server = serve(FakeTranscriber([error]))
    with pytest.raises(expected) as raised:
        server.client().audio.transcriptions.create(model="m", file=AUDIO)
    assert raised.value.request_id is not None
    assert isinstance(raised.value.body, dict)
    assert set(raised.value.body) == {"message", "type", "param", "code"}
    assert "secret" not in json.dumps(raised.value.body)


def test_a_validation_error_under_v0_is_the_clients_unprocessable_entity(
    server: LiveServer,
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        server.client("/v0").audio.transcriptions.create(model="m", file=AUDIO, temperature=9)
    body = raised.value.response.json()
    assert body["error"]["param"] == "temperature"
    assert body["detail"][0]["loc"] == ["body", "temperature"]


def test_the_client_repeats_only_what_a_repetition_can_help(serve: Serve) -> None:
    for error, n_calls in ((errors.EngineError("no"), 1), (errors.WorkerCrashedError("no"), 2)):
        server = serve(FakeTranscriber([error]))
        client = server.client().with_options(max_retries=1)
        with pytest.raises(openai.InternalServerError):
            client.audio.transcriptions.create(model="m", file=AUDIO)
        assert len(server.transcriber.calls) == n_calls


def test_models_can_be_listed_and_retrieved_by_alias_and_by_id_with_a_slash(
    server: LiveServer,
) -> None:
    client = server.client()
    names = [model.id for model in client.models.list()]
    assert names == ["fake/big", "whisper-1", "gpt-4o-transcribe", "fake/tiny"]
    for name in names:
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such")


def test_a_wrong_key_is_an_authentication_error(server: LiveServer) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        server.client(api_key="wrong").models.list()
    assert raised.value.code == "invalid_api_key"
