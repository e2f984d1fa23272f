"""
Controllers that are wrong in one way each, and the proof that the suite turns red on them.

`faults` says what is wrong and which scenarios must notice; `controllers` starts the reference
controllers with one fault; `judge` runs the suite against them.
"""
