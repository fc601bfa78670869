"""Fixtures of tests/harness for every suite below."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pytest_plugins = ["harness.fixtures"]
