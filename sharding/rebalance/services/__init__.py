"""What touches the world: samples, plans made of them, and the job that carries one out."""
