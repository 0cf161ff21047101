"""Galley on many machines, each a network of its own on this one, and what may happen between them.

    network    hosts, the switch that they hang on, and its cuts and losses
    machine    a host with a name, process numbers and a clock of its own, on which the shipped units run
    database   PostgreSQL with a standby that takes over
    cluster    all of them together: a desk whose every part is on another host
    troubles   what happens to a cluster, drawn from a seed
    trial      articles are made meanwhile, and what came of them is judged from outside

Nothing has a name outside of this process: namespaces, links and mounts end with the last process that is in them, and
no process of a machine outlives the one that started it. So a run that is killed leaves nothing behind.
"""
