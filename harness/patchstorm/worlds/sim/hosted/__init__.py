"""A whole Python server inside the simulator, as it is: its loop, threads, files, clock and chance.

One module for each thing that a server reaches the world by. ``install`` sends the interpreter's own calls
to the process that runs now, once for good; outside of simulated processes they are what they were. May
import what ``worlds.sim`` may.
"""
