"""A sentence in each of many languages, to try a voice with."""
# ruff: noqa: RUF001 - signs of other scripts look like Latin ones

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAMPLE_SENTENCES: Final[Mapping[str, str]] = {
    "ar": "صباح الخير، كيف يمكنني مساعدتك اليوم؟",
    "cs": "Dobré ráno, jak vám mohu dnes pomoci?",
    "da": "Godmorgen, hvordan kan jeg hjælpe dig i dag?",
    "de": "Guten Morgen, wie kann ich Ihnen heute helfen?",
    "el": "Καλημέρα, πώς μπορώ να σας βοηθήσω σήμερα;",
    "en": "Good morning, how can I help you today?",
    "es": "Buenos días, ¿en qué puedo ayudarle hoy?",
    "fi": "Hyvää huomenta, miten voin auttaa teitä tänään?",
    "fr": "Bonjour, comment puis-je vous aider aujourd'hui ?",
    "hi": "सुप्रभात, आज मैं आपकी क्या मदद कर सकता हूँ?",
    "hu": "Jó reggelt, miben segíthetek ma?",
    "it": "Buongiorno, come posso aiutarla oggi?",
    "ja": "おはようございます。今日はどのようなご用件でしょうか。",
    "ko": "안녕하세요, 오늘은 무엇을 도와드릴까요?",
    "nl": "Goedemorgen, hoe kan ik u vandaag helpen?",
    "no": "God morgen, hvordan kan jeg hjelpe deg i dag?",
    "pl": "Dzień dobry, w czym mogę dzisiaj pomóc?",
    "pt": "Bom dia, como posso ajudar você hoje?",
    "ro": "Bună dimineața, cu ce vă pot ajuta astăzi?",
    "ru": "Доброе утро, чем я могу помочь вам сегодня?",
    "sv": "God morgon, hur kan jag hjälpa dig i dag?",
    "tr": "Günaydın, bugün size nasıl yardımcı olabilirim?",
    "uk": "Доброго ранку, чим я можу допомогти вам сьогодні?",
    "vi": "Chào buổi sáng, hôm nay tôi có thể giúp gì cho bạn?",
    "zh": "早上好，今天有什么可以帮您的吗？",
}
"""ISO 639-1 code -> "Good morning, how can I help you today?"."""
