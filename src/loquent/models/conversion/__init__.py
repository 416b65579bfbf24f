"""Turns checkpoints of torch into graphs for ONNX Runtime, without torch."""
