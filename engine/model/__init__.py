"""The fused omni-modal model: a text backbone that reads every modality as a sequence of soft tokens."""
