//! Processor time of this thread instead of time on the wall: what others do on a shared machine then shows only in
//! its caches.

use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// Nanoseconds that this thread has run, from `/proc`; time on the wall where there is no such file.
pub struct CpuTime {
    origin: Instant,
}

impl Default for CpuTime {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl CpuTime {
    fn now(&self) -> Duration {
        // Some kernels bring the count up to date only when a thread is switched or its slice of time ends, which is
        // milliseconds late.
        std::thread::yield_now();
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanos = text.and_then(|text| text.split(' ').next()?.parse().ok());
        nanos.map_or_else(|| self.origin.elapsed(), Duration::from_nanos)
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        self.now()
    }

    fn end(&self, start: Duration) -> Duration {
        self.now().saturating_sub(start)
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
