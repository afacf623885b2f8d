"""Which tenants to move and which not, and why: plain data in, a plan out."""
