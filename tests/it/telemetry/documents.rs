//! docs/TELEMETRY.md.
