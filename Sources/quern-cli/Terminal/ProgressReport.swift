import Base
import Libc

/// Progress on standard error: one line per stage, and on a terminal below it a bar with rate and time left.
final class ProgressReport: Sendable {
  private struct State {
    var started = 0.0
    var drawn = 0.0
  }

  private let isQuiet: Bool
  private let isTerminal: Bool
  private let state = Lock(State())

  init(quiet: Bool) {
    isQuiet = quiet
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  /// Begins a stage, saying what is done: its clock starts now.
  func begin(_ stage: TerminalText) {
    guard !isQuiet else { return }
    state.withLock { state in
      clear(state)
      state = State(started: monotonicSeconds())
      printNote(stage)
    }
  }

  /// Tells that `done` of `total` units of the stage are through.
  ///
  /// `rate` turns units per second into words, for example `1.2 GiB/s`; it is asked once the stage has run long enough for
  /// that to mean something.
  func update(done: Double, total: Double, rate: (Double) -> String) {
    guard !isQuiet, isTerminal else { return }
    let now = monotonicSeconds()
    state.withLock { state in
      guard now - state.drawn > 0.1 || done >= total else { return }
      state.drawn = now
      let elapsed = now - state.started
      let share = total > 0 ? min(1, done / total) : 1
      let filled = Int(share * 24)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      var line = "\r\(bar) \(fixed(share * 100, 0))%"
      if elapsed >= Self.leastSeconds, share > 0 {
        line += "  \(rate(done / elapsed))  \(fixed(elapsed * (1 - share) / share, 0)) s left"
      }
      emit(Array((line + "\u{1B}[K").utf8), to: STDERR_FILENO)
    }
  }

  /// Before this much time a rate is that of caches being filled and threads being started.
  private static let leastSeconds = 0.5

  /// Ends the last stage.
  func finish() {
    guard !isQuiet, isTerminal else { return }
    state.withLock { state in
      clear(state)
      state.drawn = 0
    }
  }

  /// Takes away the bar that was drawn.
  private func clear(_ state: State) {
    if state.drawn > 0 { emit(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
  }
}
