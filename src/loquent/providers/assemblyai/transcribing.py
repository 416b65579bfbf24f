"""Have AssemblyAI say what is said in a recording: upload, job, and what it tells."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.assemblyai.asking import wishes
from loquent.providers.assemblyai.jobs import Jobs
from loquent.providers.assemblyai.reading import read_transcript


class AssemblyAiTranscriber:
    """Transcribes recordings with one model of AssemblyAI's.

    The transcript is removed there once it was read, unless the quirk `keep` is "yes".
    """

    def __init__(self, access: ProviderAccess, endpoint: Endpoint, jobs: Jobs) -> None:
        """Take how AssemblyAI is reached, the model, and the jobs of the account."""
        self._access = access
        self._endpoint = endpoint
        self._jobs = jobs

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield all segments once the whole recording was heard, then the transcript.

        Raises: UpstreamError; UnsupportedOptionError: if an extra field has a wrong value;
            InvalidRequestError: if channels are to be heard alone, and there is only one.
        """
        body = wishes(self._endpoint, request)
        body["audio_url"] = await self._jobs.upload(source)
        keep = self._access.quirks.get("keep") == "yes"
        async with self._jobs.run(body, keep=keep) as told:
            transcript = read_transcript(self._access, self._endpoint, request, told)
        for segment in transcript.segments:
            yield segment
        yield transcript
