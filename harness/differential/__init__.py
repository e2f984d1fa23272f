"""
Two systems, one input: the same sequences on both, and everything that differs explained.

What is done is data (`operations`), made by hand (`fixtures`) or by Hypothesis (`strategies`);
`playing` does it on both sides, `snapshot` says what came of it, `comparing` and `rows` judge.
"""
