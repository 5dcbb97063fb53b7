import Base
import CMemory
import Synchronization
import Libc

/// What the program does when a signal comes, or the system refuses memory: nothing unfinished stays behind.
///
/// Only what is safe in a handler happens there: no allocation, no locks.
enum Signals {
  private static let lostMapping = Atomic<Bool>(false)

  /// Installs all handlers.
  static func install() {
    // Broken pipes and file size limits are errors to report, not reasons to vanish.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    // Globals are made when they are first used, which must not be in a handler.
    Interruption.prepare()
    lostMapping.store(false, ordering: .relaxed)
    for number in [SIGINT, SIGTERM, SIGHUP] { removeFiles(on: number) }
    reportLostMappings()
    cmemory_end_when_refused(Interruption.removeFiles)
  }

  /// Has unfinished outputs removed before a signal ends the program.
  private static func removeFiles(on number: Int32) {
    // What was ignored, as by nohup, stays ignored.
    let before = signal(number, SIG_IGN)
    guard unsafeBitCast(before, to: UInt.self) == unsafeBitCast(SIG_DFL, to: UInt.self) else {
      signal(number, before)
      return
    }
    signal(number) { number in
      guard Interruption.mayEnd(by: number) else { return }
      signal(number, SIG_DFL)
      raise(number)
    }
  }

  /// Ends the process with one sentence and exit code 74 when a file becomes shorter while it is used where it is mapped.
  ///
  /// The signal arrives in whatever thread touches the missing page, so its handler must belong to no actor.
  private static func reportLostMappings() {
    signal(SIGBUS) { _ in
      // Several threads may touch missing pages at once; one of them reports.
      while Signals.lostMapping.exchange(true, ordering: .acquiringAndReleasing) { pause() }
      Interruption.removeFiles()
      let sentence: StaticString = "quern: error: a file became shorter or unreadable while it was in use\n"
      _ = write(STDERR_FILENO, sentence.utf8Start, sentence.utf8CodeUnitCount)
      _exit(74)
    }
  }
}
