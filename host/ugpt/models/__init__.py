"""Pretrained language models: from the files of others to the image that a board reads."""
