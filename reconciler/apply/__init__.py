"""Carrying out a plan. The only caller of writes; prints nothing, yields outcomes."""
