"""The command line: one module a noun, a thin function a verb; what they do lies in the modules they call."""
