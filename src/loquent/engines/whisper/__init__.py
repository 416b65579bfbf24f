"""OpenAI's Whisper on CTranslate2: from at most 30 s of samples to segments of text."""
