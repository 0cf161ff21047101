"""The operations of the API on articles and batches, a few lines each, and their strict schemas.

strict    nothing is converted and nothing added in silence: the base of all schemas
…Out      what is sent: every field described, none added in silence
…In       what a request says in its body
…Query    what a request says behind the question mark
refusal   a status with a message: why something was not done, in a sentence
revision  up to which a caller knows a batch; asked for what is greater, nothing is left out
"""
