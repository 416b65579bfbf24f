"""The model store: which models exist, where to get them, and whether they are intact.

It never loads a model and knows nothing of what a model does with sound.
"""
