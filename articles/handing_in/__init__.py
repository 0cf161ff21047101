"""How an article comes in: one form for the desk, the shell and programs, so that all of them ask and refuse alike.

source     what an article is made of: an idea, a pasted manuscript or a file, exactly one of them
question   in which encoding a file is that does not say it; its likeliest readings are shown, and one is chosen
"""
