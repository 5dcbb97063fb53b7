import Foundation

extension Process {
  /// Starts the program with no signal blocked.
  ///
  /// A program inherits the signals that the thread which starts it has blocked, and tests run on threads that block nearly all: an
  /// interruption would not arrive, and a shell would wait for ever for children that are gone.
  package func start() throws {
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try run()
  }
}
