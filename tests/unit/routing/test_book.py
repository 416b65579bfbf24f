"""Which endpoints answer to a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loquent.domain.endpoints import DataProtection, Detail, Endpoint
from loquent.domain.errors import ModelNotFoundError, UnsupportedOptionError
from loquent.domain.model import Capability, ModelCard
from loquent.routing.book import EndpointBook
from loquent.routing.local import LocalTerms, local_endpoints, without_mark
from loquent.routing.names import ModelNames
from tests.unit.routing.models import BASE, TINY, TURBO, names
from tests.unit.routing.places import book, per_hour, place

TRANSCRIPTION, TRANSLATION = Capability.TRANSCRIPTION, Capability.TRANSLATION
VENDOR_ALIAS = "assemblyai/assemblyai"
INSTALLED = ModelNames(
    {card.id: card for card in (BASE, TINY, TURBO)},
    {"whisper-1": BASE.id, VENDOR_ALIAS: TURBO.id, "gone": "whisper-medium"},
    BASE.id,
)
VOICES = replace(BASE, id="kokoro", capabilities=frozenset({Capability.SPEECH}))


def ids(
    shelf: EndpointBook,
    name: str,
    capability: Capability = TRANSCRIPTION,
    *,
    wants_exact: bool = False,
) -> list[str]:
    return [e.id for e in shelf.serving(name, capability, wants_exact=wants_exact)]


def remotes(*pairs: tuple[str, str]) -> list[Endpoint]:
    return [place(provider, model) for provider, model in pairs]


def test_an_installed_model_serves_under_its_id_and_its_aliases() -> None:
    shelf = book(INSTALLED)
    assert ids(shelf, BASE.id) == ids(shelf, "whisper-1") == ["local/whisper-base"]


def test_a_model_that_is_here_and_elsewhere_is_served_by_all() -> None:
    shelf = book(INSTALLED, *remotes(("groq", TURBO.id), ("azure", TURBO.id), ("groq", "other")))
    assert ids(shelf, TURBO.id) == [f"local/{TURBO.id}", f"groq/{TURBO.id}", f"azure/{TURBO.id}"]


def test_a_model_that_providers_serve_under_this_very_name_is_not_an_alias_of_ours() -> None:
    assert ids(book(INSTALLED), "whisper-1") == ["local/whisper-base"]
    assert ids(book(INSTALLED, *remotes(("openai", "whisper-1"))), "whisper-1") == [
        "openai/whisper-1"
    ]


def test_an_id_of_an_endpoint_is_that_endpoint_alone_once_it_is_configured() -> None:
    configured = book(INSTALLED, *remotes(("assemblyai", "assemblyai"), ("groq", "assemblyai")))
    assert ids(book(INSTALLED), VENDOR_ALIAS) == [f"local/{TURBO.id}"]
    assert ids(configured, VENDOR_ALIAS) == [VENDOR_ALIAS]


def test_a_pinned_endpoint_is_found_even_where_it_lacks_the_capability() -> None:
    mute = place("vendor", "mute", Capability.SPEECH)
    assert ids(book(INSTALLED, mute), "vendor/mute") == ["vendor/mute"]


def test_a_name_of_ones_own_is_a_choice_of_endpoints_here_and_elsewhere() -> None:
    pools = {"best": ("groq/large", f"local/{BASE.id}", "nobody/nothing", f"local/{TINY.id}")}
    shelf = book(INSTALLED, *remotes(("groq", "large"), ("azure", "large")), pools=pools)
    assert ids(shelf, "best") == ["groq/large", "local/whisper-base", "local/whisper-tiny.en"]


def test_a_name_of_ones_own_goes_before_models_of_that_name() -> None:
    shelf = book(INSTALLED, *remotes(("groq", BASE.id)), pools={BASE.id: (f"groq/{BASE.id}",)})
    assert ids(shelf, BASE.id) == [f"groq/{BASE.id}"]


def test_a_name_of_ones_own_may_hold_full_precision() -> None:
    exact = f"local/{BASE.id}@float32"
    assert ids(book(INSTALLED, pools={"exact": (exact,)}), "exact") == [exact]


def test_a_name_of_ones_own_that_holds_nothing_is_told() -> None:
    with pytest.raises(ModelNotFoundError, match="'best' stands for a/b, c/d") as raised:
        ids(book(INSTALLED, pools={"best": ("a/b", "c/d")}), "best")
    assert raised.value.param == "model"


@pytest.mark.parametrize("name", [BASE.id, "whisper-1"])
def test_our_own_engines_can_be_pinned_by_any_name(name: str) -> None:
    shelf = book(INSTALLED, *remotes(("groq", BASE.id), ("openai", "whisper-1")))
    assert ids(shelf, f"local/{name}", wants_exact=True) == ["local/whisper-base"]


def test_full_precision_can_be_pinned() -> None:
    (exact,) = book(INSTALLED).serving(f"local/{BASE.id}@float32", TRANSCRIPTION)
    assert exact.is_quantized is False
    assert without_mark(exact.upstream_model) == BASE.id


@pytest.mark.parametrize("name", ["local/nobody", "local/", "nobody", "nobody/whisper-base", ""])
def test_a_name_that_nothing_answers_to_is_told(name: str) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        ids(book(INSTALLED, *remotes(("groq", "large"))), name)
    assert raised.value.param == "model"
    assert "LOQUENT" not in raised.value.message


@pytest.mark.parametrize("name", ["groq/whisper-large-v3", "whisper-large-v3"])
def test_what_a_key_would_bring_is_told_with_its_variable(name: str) -> None:
    shelf = replace(
        book(INSTALLED), unconfigured={"groq/whisper-large-v3": "LOQUENT_PROVIDERS__GROQ__API_KEY"}
    )
    with pytest.raises(ModelNotFoundError, match=r"configured by LOQUENT_PROVIDERS__GROQ__API_KEY"):
        ids(shelf, name)


def test_a_missing_model_behind_an_alias_is_told_with_how_to_pull_it() -> None:
    shelf = replace(book(INSTALLED), unconfigured={"openai/gone": "LOQUENT_KEY"})
    with pytest.raises(ModelNotFoundError, match="loquent models pull whisper-medium") as raised:
        ids(shelf, "gone")
    assert "LOQUENT_KEY" not in raised.value.message


def test_full_precision_is_offered_to_who_asks_alone() -> None:
    shelf = book(INSTALLED, *remotes(("groq", BASE.id)))
    assert ids(shelf, BASE.id) == ["local/whisper-base", "groq/whisper-base"]
    assert ids(shelf, BASE.id, wants_exact=True) == [
        "local/whisper-base",
        "local/whisper-base@float32",
        "groq/whisper-base",
    ]


def test_a_translation_goes_to_the_model_that_can() -> None:
    assert ids(book(INSTALLED), TINY.id, TRANSLATION) == ["local/whisper-base"]


def test_a_live_stream_goes_to_any_model_that_listens() -> None:
    assert ids(book(INSTALLED), TINY.id, Capability.REALTIME) == ["local/whisper-tiny.en"]


def test_a_model_that_cannot_do_it_here_is_served_elsewhere() -> None:
    alone = names(TURBO)
    shelf = book(alone, *remotes(("groq", TURBO.id)))
    assert ids(shelf, TURBO.id, TRANSLATION) == [f"groq/{TURBO.id}"]
    with pytest.raises(UnsupportedOptionError):
        ids(book(alone), TURBO.id, TRANSLATION)


def test_everything_is_listed_by_id() -> None:
    shelf = book(names(BASE, VOICES), *remotes(("groq", "large")))
    assert [endpoint.id for endpoint in shelf.everything()] == [
        "groq/large",
        "local/kokoro",
        "local/whisper-base",
        "local/whisper-base@float32",
    ]


def test_what_is_installed_is_asked_anew_each_time() -> None:
    installed = [names(BASE)]
    shelf = book(lambda: installed[-1])
    with pytest.raises(ModelNotFoundError):
        ids(shelf, TINY.id)
    installed.append(names(BASE, TINY))
    assert ids(shelf, TINY.id) == ["local/whisper-tiny.en"]


def test_a_model_here_carries_what_the_operator_states() -> None:
    terms = LocalTerms("eu-de", eu_native=True, gdpr=DataProtection.YES, prices={BASE.id: ()})
    terms = replace(terms, prices={BASE.id: per_hour(7)})
    (usual, exact) = local_endpoints(BASE, terms, "int8")
    for endpoint in (usual, exact):
        assert (endpoint.region, endpoint.eu_native) == ("eu-de", True)
        assert (endpoint.gdpr, endpoint.prices) == (DataProtection.YES, per_hour(7))
        assert endpoint.is_local
    (free, _) = local_endpoints(TINY, terms, "int8")
    assert free.prices == ()


@pytest.mark.parametrize("compute_type", ["float32", "float16", "bfloat16"])
def test_a_model_that_computes_in_full_precision_serves_once(compute_type: str) -> None:
    (only,) = local_endpoints(BASE, LocalTerms(), compute_type)
    assert (only.quantization, only.is_quantized) == (compute_type, False)


@pytest.mark.parametrize("compute_type", ["int8", "int8_float32", "int8_float16"])
def test_a_model_that_computes_in_eight_bits_serves_twice(compute_type: str) -> None:
    usual, exact = local_endpoints(BASE, LocalTerms(), compute_type)
    assert (usual.quantization, usual.is_quantized) == (compute_type, True)
    assert (exact.quantization, exact.is_quantized) == ("float32", False)


@pytest.mark.parametrize(
    ("capability", "has", "lacks"),
    [
        (TRANSCRIPTION, Detail.WORDS, Detail.WORD_TIMES),
        (Capability.SPEECH, Detail.WORD_TIMES, Detail.WORDS),
    ],
)
def test_a_model_here_offers_the_details_of_what_it_does(
    capability: Capability, has: Detail, lacks: Detail
) -> None:
    card: ModelCard = replace(BASE, capabilities=frozenset({capability}))
    details = local_endpoints(card, LocalTerms(), "float32")[0].details_for(capability)
    assert has in details
    assert lacks not in details


def test_a_model_that_only_tells_speakers_apart_offers_no_details() -> None:
    card = replace(BASE, capabilities=frozenset({Capability.DIARIZATION}), quantization="none")
    (only,) = local_endpoints(card, LocalTerms(), "int8")
    assert (only.details, only.is_quantized) == (frozenset(), False)
