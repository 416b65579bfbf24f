"""Count what callers take by the minute, in memory or in Redis; knows no caller and no route."""
