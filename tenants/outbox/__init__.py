"""What a tenant tells others, written with the change it tells of and delivered afterwards."""
