"""Training: one loop, and the stages of decouple, fuse, recover, rehearse as settings over it."""
