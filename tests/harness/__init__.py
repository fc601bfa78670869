"""Throwaway servers and services for the tests. Nothing of it outlives the process that made it."""
