"""What servers and workers tell about themselves: logs, metrics, traces.

Nothing here knows what the work is. OpenTelemetry is imported only where somebody asked for it.
"""
