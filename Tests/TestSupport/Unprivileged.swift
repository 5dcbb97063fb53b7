import Foundation

/// A user who may not do everything, for tests of permissions: root, as which containers run, passes every check.
package enum Unprivileged {
  /// What goes before a command in a shell script to run it so; nothing where this user is unprivileged already.
  package static let prefix = getuid() == 0 ? "setpriv --reuid 65534 --clear-groups" : ""

  /// Whether that user can run this build's binary and read the fixtures.
  ///
  /// In a checkout that only root may enter it cannot, and such tests mean nothing there.
  package static let canRun: Bool = {
    let script = "exec \(prefix) sh -c 'test -x \"$QUERN\" && test -r \"\(Fixtures.path("tiny-qwen3.5/config.json"))\"'"
    return (try? CommandLineRun(shell: script).status) == 0
  }()
}
