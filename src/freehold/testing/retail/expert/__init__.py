"""A scripted expert for the retail example, who knows from the shop's own tables what is right.

Nobody labels anything in a demo: `answering` writes what a careful colleague would write, and
`judging` says of any answer, whoever gave it, whether it is right. Both are rules over the rows
that the example's sources give for a question, so that no model is asked about itself.
"""
