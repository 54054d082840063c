"""One module per dialect; `bridge` is the template."""
