"""What runs on a machine and is kept running: its workers, and in development the web server beside them.

program      what one process does, for as long as it lives
worker       a program that takes one task after the other
task         a message of the queue, or an article that its row has queued
supervisor   the process that starts the others, replaces each that ends or hangs, and ends them in order
machine      what a machine says of its workers and its web server, for people who look
"""
