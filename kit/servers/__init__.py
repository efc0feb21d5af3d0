"""Real servers on this machine: started detached, found again by any notebook, stopped by their owner, the lab."""
