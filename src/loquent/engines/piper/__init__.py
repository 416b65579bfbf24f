"""Piper's voices, VITS on ONNX Runtime: small, quick, one language each."""
