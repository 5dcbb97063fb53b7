import ArgumentParser

/// Wrong usage: what is wrong, and how it is done right.
struct Usage: Error {
  /// What is printed.
  let text: TerminalText

  /// Wrong usage that is only noticed while a command runs, told as the parser tells it.
  static func wrong(_ message: TerminalText, of command: any ParsableCommand.Type) -> Usage {
    let help = command == Quern.self ? "quern --help" : "quern \(command._commandName) --help"
    let usage = TerminalText(lines: Quern.usageString(for: command))
    return Usage(text: "Error: \(message)\nUsage: \(usage)\n  See '\(help)' for more information.")
  }

  /// What the parser refused.
  static func refused(_ arguments: [String], by error: any Error) -> Usage {
    Usage(text: message(arguments, error))
  }

  /// The parser's own words.
  ///
  /// They repeat arguments, and have line feeds of their own: to tell those from line feeds of an argument, the parser is asked
  /// once more with all arguments escaped, which it refuses for the same reason.
  private static func message(_ arguments: [String], _ error: any Error) -> TerminalText {
    let harmless = arguments.map { ("\($0)" as TerminalText).text }
    var error = error
    if harmless != arguments {
      do { _ = try Quern.parseAsRoot(harmless) } catch let second { error = second }
    }
    return TerminalText(lines: Quern.fullMessage(for: error))
  }
}
