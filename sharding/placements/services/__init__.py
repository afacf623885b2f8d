"""One service a file; the control database's rows change here and nowhere else."""
