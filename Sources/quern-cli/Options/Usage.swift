import ArgumentParser
import Base

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

  /// What the parser refused, with the way out where that can be told.
  static func refused(_ arguments: [String], by error: any Error) -> Usage {
    guard let name = arguments.first, !name.hasPrefix("-") else { return Usage(text: message(arguments, error)) }
    guard let command = Quern.configuration.subcommands.first(where: { $0._commandName == name }) else {
      return unknown(name) ?? Usage(text: message(arguments, error))
    }
    let words = Array(arguments.dropFirst())
    if let option = Planned.option(of: name, in: words) { return wrong("\(option) is not built yet.", of: command) }
    if let several = severalModels(words, of: name, error) { return wrong(several, of: command) }
    if let path = words.first(where: { $0.hasPrefix("-") && FileSystem.exists($0) }) {
      return wrong("a path that begins with a dash looks like an option; write it as ./\(path).", of: command)
    }
    return Usage(text: message(arguments, error))
  }

  /// A command that there is not; nil for words that the parser knows itself, such as help.
  private static func unknown(_ name: String) -> Usage? {
    if Planned.commands.contains(name) { return wrong("quern \(name) is not built yet.", of: Quern.self) }
    let names = Quern.configuration.subcommands.map { $0._commandName }
    guard name != "help" else { return nil }
    let near = offer(elsewhere[name].map { [$0] } ?? NearNames.meant(name, among: names + Planned.commands))
    return wrong(
      "there is no command \(name)\(near); there are \(names.joined(separator: ", ")).", of: Quern.self)
  }

  /// What other programs call a command.
  private static let elsewhere = [
    "info": "show", "inspect": "show", "ls": "show", "list": "show", "perplexity": "evaluate", "ppl": "evaluate",
    "run": "generate", "chat": "generate", "compare": "validate", "kld": "validate", "imatrix": "calibrate",
    "benchmark": "bench", "encode": "tokenize",
  ]

  /// Several models where one is expected.
  private static func severalModels(_ words: [String], of command: String, _ error: any Error) -> TerminalText? {
    guard Quern.message(for: error).hasBytes(of: "nexpected argument") else { return nil }
    var models: [String] = []
    var previous = ""
    for word in words {
      // What follows an option may be its value.
      if !word.hasPrefix("-"), !previous.hasPrefix("-"), FileSystem.exists(word) { models.append(word) }
      previous = word
    }
    guard models.count > 1 else { return nil }
    let advice: TerminalText =
      command == "convert" ? ", or join a text model and its mmproj as TEXT.gguf,MMPROJ.gguf" : ""
    return "\(command) takes one model, and these are \(models.count): \(listed(models)); name one of them\(advice)."
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

/// Commands and options that are described already and not built yet: who tries them learns that, and not that there are none.
private enum Planned {
  static let commands = ["doctor", "verify"]

  private static let options = [
    "convert": ["--adapter"],
    "quantize": ["--to", "--only"],
  ]

  private static let containers = ["mlx", "compressed-tensors"]

  /// The first such option among the words of a command.
  static func option(of command: String, in words: [String]) -> String? {
    for (place, word) in words.prefix(while: { $0 != "--" }).enumerated() {
      let name = word.prefix { $0 != "=" }
      if options[command]?.contains(String(name)) == true { return String(name) }
      let value = name.count < word.count ? String(word.dropFirst(name.count + 1)) : words.dropFirst(place + 1).first
      if command == "convert", name == "--to", let value, containers.contains(value) { return "--to \(value)" }
    }
    return nil
  }
}
