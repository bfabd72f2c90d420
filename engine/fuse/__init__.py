"""Fusing: several specialists of one base into one model, and what that does to them."""
