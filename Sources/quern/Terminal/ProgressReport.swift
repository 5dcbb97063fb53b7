import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Progress on standard error: a bar with rate and time left on a terminal, one line per stage otherwise.
final class ProgressReport: Sendable {
  private struct State {
    var stage = ""
    var started = 0.0
    var drawn = 0.0
  }

  private let isQuiet: Bool
  private let isTerminal: Bool
  private let state = Mutex(State())

  init(quiet: Bool) {
    isQuiet = quiet
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  /// Tells that `done` of `total` units are through; the first call of a stage starts its clock.
  ///
  /// `rate` turns units per second into words, for example `1.2 GiB/s`.
  func update(stage: String, done: Double, total: Double, rate: (Double) -> String) {
    guard !isQuiet else { return }
    let now = monotonicSeconds()
    state.withLock { state in
      if state.stage != stage {
        if isTerminal, !state.stage.isEmpty { emit(Array("\n".utf8), to: STDERR_FILENO) }
        state = State(stage: stage, started: now, drawn: 0)
        if !isTerminal { printNote(stage) }
      }
      guard isTerminal, now - state.drawn > 0.1 || done >= total else { return }
      state.drawn = now
      let elapsed = max(now - state.started, 1e-9)
      let share = total > 0 ? min(1, done / total) : 1
      let filled = Int(share * 24)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      let left = share > 0 ? elapsed * (1 - share) / share : 0
      let line =
        "\r\(stage) \(bar) \(fixed(share * 100, 0))%  \(rate(done / elapsed))  \(fixed(left, 0)) s left\u{1B}[K"
      emit(Array(line.utf8), to: STDERR_FILENO)
    }
  }

  /// Ends the last stage's line.
  func finish() {
    guard !isQuiet, isTerminal else { return }
    state.withLock { state in
      if !state.stage.isEmpty { emit(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
      state.stage = ""
    }
  }
}
