"""``python -m framesift_cli``."""

from .main import main

main()
