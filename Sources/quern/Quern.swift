import ArgumentParser
import Quants
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The command line: words in, one library call, one printed result.
@main
struct Quern: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quern",
    abstract: "Convert, quantize and validate open-weight models.",
    discussion: """
      A model is a Hugging Face folder, a .safetensors file or its index, a .gguf file (any shard of a split one), or an \
      owner/name id that is present in the local Hugging Face cache. What it is, is decided by its content.

      Exit codes: 0 done, 1 a check failed, 2 the input is bad, 64 wrong usage, 70 a fault of quern, 74 reading or \
      writing failed.
      """,
    version: quernVersion,
    subcommands: [
      Show.self, Convert.self, Quantize.self, Evaluate.self, Generate.self, TraceCommand.self, Tokenize.self,
      Bench.self,
    ])

  /// Runs the command of the arguments and turns errors into one sentence and an exit code.
  static func main() {
    // Broken pipes and file size limits are errors to report, not reasons to vanish.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    // Weights are used where they are mapped.
    Interruption.reportLostMappings()
    var running: (any ParsableCommand.Type)?
    do {
      var command = try parseAsRoot()
      running = type(of: command)
      try Kernels.checkOverride()
      try command.run()
    } catch let error as CheckpointError {
      printError(error.description)
      exit(withError: ExitCode(error.exitCode))
    } catch let error as ValidationError {
      printNote(usage(error.message, of: running ?? Self.self))
      exit(withError: ExitCode.validationFailure)
    } catch  where exitCode(for: error) == .success {
      // Help and version are results too, and a failure to write them is an error.
      let text = fullMessage(for: error)
      if !text.isEmpty { printLine(text) }
      exit(withError: ExitCode.success)
    } catch {
      exit(withError: error)
    }
  }

  /// What the parser says of wrong usage, for what is only noticed while a command runs.
  private static func usage(_ message: String, of command: any ParsableCommand.Type) -> String {
    let help = command == Self.self ? "quern --help" : "quern \(command._commandName) --help"
    return "Error: \(message)\nUsage: \(usageString(for: command))\n  See '\(help)' for more information."
  }
}
