"""Connections that end in bounded time, and pools of them. Knows servers, never tenants."""
