"""Every error that may leave a room, in one tree; no module here knows an HTTP status.

LoquentError
    InvalidRequestError             the caller sent something we cannot accept
        InvalidAudioError           the bytes are not decodable audio
            MissingChannelError     it has fewer channels than the one asked for
        UnsupportedFormatError      the container or codec is not on the allow-list
        AudioTooLongError           the recording exceeds the configured length
        InputTooLongError           the text exceeds the configured length
        PayloadTooLargeError        the upload exceeds the configured size
        ModelNotFoundError          no installed model answers to that name
        UnsupportedOptionError      a known option has a value we cannot honour
        NotFoundError               no such route or object
            DeploymentNotFoundError no such deployment
        MisdirectedRequestError     no such deployment, and the host name is that of one
        AlreadyExistsError          something has, or had, the id that was chosen
        MethodNotAllowedError       the route exists, the method does not
        IdempotencyKeyReusedError   its Idempotency-Key came with another request before
        UnsupportedMediaTypeError   the body is not of the type the route reads
    AuthenticationError             no key, or a wrong one
    PermissionDeniedError           the key may not do this
    ConflictError                   something else came first; what it says is out of date
        RequestInProgressError      the same request is being worked on
        AnswerNotKeptError          the same request was done, and its answer cannot be had again
    RateLimitError                  too many requests; `retry_after_s` says when to return
    BudgetExceededError             the money is spent
    ShuttingDownError               the server was told to end at once
    LedgerUnavailableError          what is used cannot be written down, so nothing is served
    NoEndpointError                 several could serve, but none within the caller's limits now
    UpstreamError                   a provider failed, or answered what cannot be read
        UpstreamRejectedError       it does not want this request
        UpstreamKeyError            it does not want our key
        UpstreamThrottledError      it wants fewer requests
        UpstreamUnavailableError    it cannot be reached, or says that it is down
        UpstreamTimeoutError        it does not answer in time
    EngineError                     a local model failed
        ModelLoadError              the weights are missing, damaged or do not fit
        ModelNotReadyError          the model is still loading or downloading
        OverloadedError             so much waits that a newcomer would wait too long
        WorkerCrashedError          a supervised child process died
"""

from __future__ import annotations


class LoquentError(Exception):
    """The root; carries what the caller may be told, in a sentence or two without path or secret.

    Args:
        param: the request field at fault, as spelled on the wire.
    """

    code: str | None = None
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.retry_after_s = retry_after_s


class InvalidRequestError(LoquentError):
    """The caller sent something that cannot be accepted, whoever retries it."""


class InvalidAudioError(InvalidRequestError):
    """The bytes are not decodable audio."""

    code = "invalid_audio"


class UnsupportedFormatError(InvalidRequestError):
    """The container or codec is not on the allow-list."""

    code = "unsupported_format"


class MissingChannelError(InvalidAudioError):
    """The recording has fewer channels than the one that was asked for."""

    code = "missing_channel"


class AudioTooLongError(InvalidRequestError):
    """The recording is longer than the configured limit."""

    code = "audio_too_long"


class InputTooLongError(InvalidRequestError):
    """The text to be spoken, or to be cut into cues, is longer than it may be."""

    code = "input_too_long"


class PayloadTooLargeError(InvalidRequestError):
    """The upload is larger than the configured limit."""

    code = "payload_too_large"


class ModelNotFoundError(InvalidRequestError):
    """No model answers to the requested name."""

    code = "model_not_found"


class UnsupportedOptionError(InvalidRequestError):
    """A known option has a value that cannot be honoured here."""

    code = "unsupported_value"


class NotFoundError(InvalidRequestError):
    """There is nothing at that address."""

    code = "not_found"


class DeploymentNotFoundError(NotFoundError):
    """No deployment has the id that the path or a header names."""

    code = "deployment_not_found"


class MisdirectedRequestError(InvalidRequestError):
    """The host name is that of a deployment, and there is none of its id."""

    code = "unknown_deployment_host"


class AlreadyExistsError(InvalidRequestError):
    """Something has, or had, the id that was chosen."""

    code = "already_exists"


class MethodNotAllowedError(InvalidRequestError):
    """The address exists, but not for that method."""

    code = "method_not_allowed"


class UnsupportedMediaTypeError(InvalidRequestError):
    """The body is not of the type that the address reads."""

    code = "unsupported_media_type"


class IdempotencyKeyReusedError(InvalidRequestError):
    """An Idempotency-Key that came with another request before."""

    code = "idempotency_key_reused"


class AuthenticationError(LoquentError):
    """The key is missing or wrong."""

    code = "invalid_api_key"


class PermissionDeniedError(LoquentError):
    """The key is good, but not for this."""

    code = "permission_denied"


class ConflictError(LoquentError):
    """Something else came first: what the request says of the state of things does not hold."""

    code = "conflict"
    retryable = True


class RequestInProgressError(ConflictError):
    """The same request came before, and is being worked on."""

    code = "idempotency_in_progress"


class AnswerNotKeptError(ConflictError):
    """The same request was done before, and its answer cannot be had again."""

    code = "idempotency_answer_not_kept"
    retryable = False


class RateLimitError(LoquentError):
    """Too much at once; worth repeating after `retry_after_s`."""

    code = "rate_limit_exceeded"
    retryable = True


class BudgetExceededError(LoquentError):
    """A budget does not have what the request may cost."""

    code = "insufficient_quota"


class ShuttingDownError(LoquentError):
    """The server was told to end before it finished this."""

    code = "shutting_down"
    retryable = True


class LedgerUnavailableError(LoquentError):
    """Usage cannot be written down now, and nothing is served that is not."""

    code = "ledger_unavailable"
    retryable = True


class NoEndpointError(LoquentError):
    """Endpoints that could serve are down or overloaded; worth repeating later."""

    code = "no_endpoint"
    retryable = True


class UpstreamError(LoquentError):
    """A provider failed at its work, or answered what cannot be read."""

    code = "upstream_error"
    retryable = True


class UpstreamRejectedError(UpstreamError):
    """A provider does not want this request; another one may."""

    code = "upstream_rejected"
    retryable = False


class UpstreamKeyError(UpstreamError):
    """A provider does not want the key that the operator gave."""

    code = "upstream_key_refused"
    retryable = False


class UpstreamThrottledError(UpstreamError):
    """A provider wants fewer requests; `retry_after_s` says when to return, if it does."""

    code = "upstream_throttled"


class UpstreamUnavailableError(UpstreamError):
    """A provider cannot be reached, or says that it is down."""

    code = "upstream_unavailable"


class UpstreamTimeoutError(UpstreamError):
    """A provider does not answer in time."""

    code = "upstream_timeout"


class EngineError(LoquentError):
    """A local model failed at its work."""

    code = "engine_error"


class ModelLoadError(EngineError):
    """The weights are missing, damaged or do not fit this machine."""

    code = "model_load_failed"


class ModelNotReadyError(EngineError):
    """The model is on its way but cannot serve yet."""

    code = "model_not_ready"
    retryable = True


class OverloadedError(EngineError):
    """More work waits than can be done in time; worth repeating after `retry_after_s`."""

    code = "server_overloaded"
    retryable = True


class WorkerCrashedError(EngineError):
    """A supervised child process died while it worked for this caller."""

    code = "worker_crashed"
    retryable = True
