import ArgumentParser
import Quants
import Base
import Libc

/// The command line: words in, one library call, one printed result.
@main
struct Quern: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quern",
    abstract: "Convert, quantize and validate open-weight models.",
    discussion: """
      A model is a Hugging Face folder, a .safetensors file or its index, a .gguf file (any shard of a split one), a folder \
      that holds one of these, or an owner/name id that is present in the local Hugging Face cache. What it is, is decided \
      by its content.

      Exit codes: 0 done, 1 a check failed, 2 the input is bad, 64 wrong usage, 70 a fault of quern, 74 reading or \
      writing failed.
      """,
    version: quernVersion,
    subcommands: [
      Show.self, Convert.self, Quantize.self, Calibrate.self, Evaluate.self, Validate.self, Generate.self,
      TraceCommand.self, Tokenize.self, Bench.self,
    ])

  /// Runs the command of the arguments and turns errors into one sentence and an exit code.
  static func main() {
    Signals.install()
    do {
      let arguments = try Arguments.read()
      var command = try parsed(arguments)
      do {
        try Kernels.checkOverride()
        try command.run()
      } catch let error as ValidationError {
        throw Usage.wrong("\(error.message)", of: type(of: command))
      }
    } catch let error as CheckpointError {
      printError(error.told)
      end(error.exitCode)
    } catch let error as Usage {
      printNote(error.text)
      end(EX_USAGE)
    } catch {
      // Help and version are results too, and a failure to write them is an error.
      let text = TerminalText(lines: fullMessage(for: error))
      let code = exitCode(for: error)
      if !text.text.isEmpty { if code == .success { printLine(text) } else { printNote(text) } }
      end(code.rawValue)
    }
  }

  /// The command of the arguments.
  private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    do {
      return try parseAsRoot(arguments)
    } catch  where exitCode(for: error) == .success {
      throw error
    } catch {
      throw Usage.refused(arguments, by: error)
    }
  }
}

/// The system's `exit`, which the parser's would hide.
private func end(_ code: Int32) -> Never { exit(code) }
