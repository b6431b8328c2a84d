"""`python -m orchestration` is the command `tongmai`. Belongs here: nothing else."""

from orchestration.cli import main

if __name__ == "__main__":
    main()
