import Libc

/// A number with a fixed count of digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let scaled = (abs(value) * scale).rounded()
  guard scaled < 9e15 else { return "\(value)" }
  let whole = Int64(scaled)
  let sign = value < 0 && whole != 0 ? "-" : ""
  guard digits > 0 else { return sign + String(whole) }
  let divisor = Int64(scale)
  let fraction = String(whole % divisor)
  return sign + String(whole / divisor) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
}

/// A count of bytes in binary units, for example `1.4 GiB`.
func byteSize(_ bytes: UInt64) -> String {
  if bytes < 1024 { return "\(bytes) B" }
  var value = Double(bytes)
  var unit = 0
  let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
  while value >= 1024, unit + 1 < units.count {
    value /= 1024
    unit += 1
  }
  return fixed(value, value < 10 ? 2 : 1) + " " + units[unit]
}

/// A count with separators, for example `752,393,024`.
func grouped(_ count: UInt64) -> String {
  var digits = Array(String(count))
  var place = digits.count - 3
  while place > 0 {
    digits.insert(",", at: place)
    place -= 3
  }
  return String(digits)
}

/// Seconds on a clock that only goes forward.
func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
