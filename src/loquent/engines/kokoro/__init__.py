"""Kokoro-82M on ONNX Runtime: fifty-four voices in nine languages."""
