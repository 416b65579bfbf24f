"""The languages Whisper knows, by code and by name; knows nothing of which model speaks which."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError

LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "af": "afrikaans",
        "am": "amharic",
        "ar": "arabic",
        "as": "assamese",
        "az": "azerbaijani",
        "ba": "bashkir",
        "be": "belarusian",
        "bg": "bulgarian",
        "bn": "bengali",
        "bo": "tibetan",
        "br": "breton",
        "bs": "bosnian",
        "ca": "catalan",
        "cs": "czech",
        "cy": "welsh",
        "da": "danish",
        "de": "german",
        "el": "greek",
        "en": "english",
        "es": "spanish",
        "et": "estonian",
        "eu": "basque",
        "fa": "persian",
        "fi": "finnish",
        "fo": "faroese",
        "fr": "french",
        "gl": "galician",
        "gu": "gujarati",
        "ha": "hausa",
        "haw": "hawaiian",
        "he": "hebrew",
        "hi": "hindi",
        "hr": "croatian",
        "ht": "haitian creole",
        "hu": "hungarian",
        "hy": "armenian",
        "id": "indonesian",
        "is": "icelandic",
        "it": "italian",
        "ja": "japanese",
        "jw": "javanese",
        "ka": "georgian",
        "kk": "kazakh",
        "km": "khmer",
        "kn": "kannada",
        "ko": "korean",
        "la": "latin",
        "lb": "luxembourgish",
        "ln": "lingala",
        "lo": "lao",
        "lt": "lithuanian",
        "lv": "latvian",
        "mg": "malagasy",
        "mi": "maori",
        "mk": "macedonian",
        "ml": "malayalam",
        "mn": "mongolian",
        "mr": "marathi",
        "ms": "malay",
        "mt": "maltese",
        "my": "myanmar",
        "ne": "nepali",
        "nl": "dutch",
        "nn": "nynorsk",
        "no": "norwegian",
        "oc": "occitan",
        "pa": "punjabi",
        "pl": "polish",
        "ps": "pashto",
        "pt": "portuguese",
        "ro": "romanian",
        "ru": "russian",
        "sa": "sanskrit",
        "sd": "sindhi",
        "si": "sinhala",
        "sk": "slovak",
        "sl": "slovenian",
        "sn": "shona",
        "so": "somali",
        "sq": "albanian",
        "sr": "serbian",
        "su": "sundanese",
        "sv": "swedish",
        "sw": "swahili",
        "ta": "tamil",
        "te": "telugu",
        "tg": "tajik",
        "th": "thai",
        "tk": "turkmen",
        "tl": "tagalog",
        "tr": "turkish",
        "tt": "tatar",
        "uk": "ukrainian",
        "ur": "urdu",
        "uz": "uzbek",
        "vi": "vietnamese",
        "yi": "yiddish",
        "yo": "yoruba",
        "yue": "cantonese",
        "zh": "chinese",
    }
)
"""Code to lower-case English name, as OpenAI prints it. Source: tokenizer of openai-whisper."""

_ALIASES: Final[Mapping[str, str]] = MappingProxyType({"jv": "jw"})
"""ISO 639-1 writes Javanese "jv"; Whisper's vocabulary still holds the withdrawn "jw"."""

_CODES_BY_NAME: Final[Mapping[str, str]] = MappingProxyType(
    {name: code for code, name in LANGUAGES.items()}
    | {
        "burmese": "my",
        "castilian": "es",
        "flemish": "nl",
        "haitian": "ht",
        "letzeburgesch": "lb",
        "mandarin": "zh",
        "moldavian": "ro",
        "moldovan": "ro",
        "panjabi": "pa",
        "pushto": "ps",
        "sinhalese": "si",
        "valencian": "ca",
    }
)
"""Lower-case English name to code. Source: tokenizer of openai-whisper, with its other names."""

_LONGEST_ECHO = 40
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?")


def name_of(code: str) -> str:
    """Return the lower-case English name of `code`, or `code` itself where no name is known."""
    return LANGUAGES.get(_ALIASES.get(code, code), code)


def code_of_language(told: str) -> str | None:
    """Return the ISO 639-1 code of a language told by code, tag or English name, or else None."""
    name = told.strip().lower()
    if name in _CODES_BY_NAME:
        return _CODES_BY_NAME[name]
    primary = name.replace("_", "-").partition("-")[0]
    return primary if primary in LANGUAGES else None


def parse_language(text: str) -> str:
    """Return the code that `text` spells, in any case.

    Raises: UnsupportedOptionError: listing the codes, and naming the one that was likely meant.
    """
    wanted = text.strip().lower()
    code = _ALIASES.get(wanted, wanted)
    if code in LANGUAGES:
        return code
    meant = _likely_code(wanted)
    hint = f" Did you mean '{meant}'?" if meant else ""
    raise UnsupportedOptionError(
        f"'{text[:_LONGEST_ECHO]}' is not a language code that can be transcribed.{hint}"
        f" Valid codes: {', '.join(LANGUAGES)}; leave the field out to detect the language.",
        param="language",
    )


def parse_tag(text: str, *, param: str = "language") -> str:
    """Return `text` if it is a language, with or without a region, as BCP 47 has it.

    Raises: InvalidRequestError.
    """
    tag = text.strip()
    if _TAG.fullmatch(tag) is None:
        raise InvalidRequestError(
            f"{param}: '{text[:_LONGEST_ECHO]}' is not a language as in 'en' or 'en-GB'.",
            param=param,
        )
    return tag


def _likely_code(wanted: str) -> str | None:
    """Guess the code behind a region tag ("en-us") or an English name, even a misspelt one."""
    primary = wanted.replace("_", "-").partition("-")[0]
    code = _ALIASES.get(primary, primary)
    if code in LANGUAGES:
        return code
    by_name = {name: code for code, name in LANGUAGES.items()}
    nearest = difflib.get_close_matches(wanted[:_LONGEST_ECHO], by_name, n=1, cutoff=0.8)
    return by_name[nearest[0]] if nearest else None
