import Architectures
import Base
import Containers
import Runtime
import Tokenizers

/// Conversations, one a line, each a JSON object with `messages` of `role` and `content`.
///
/// The model's own template puts each into its form, and what the assistant wrote is scored, the token that ends a turn included. A
/// conversation is a window of its own, cut at the context; one of which nothing is scored then is left out.
struct Conversations {
  private let name: String
  private let conversations: [(line: Int, messages: [ChatMessage])]

  /// Whether a text is conversations, by its name.
  static func isNamed(by name: String) -> Bool { name.hasSuffix(".jsonl") }

  /// Reads the lines of a file; empty ones are skipped.
  ///
  /// - Throws: `malformed` or `unsupported` with the line and the rule it breaks.
  init(_ bytes: [UInt8], name: String) throws(CheckpointError) {
    self.name = name
    var conversations: [(line: Int, messages: [ChatMessage])] = []
    for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      guard line.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
      do throws(CheckpointError) {
        let document = try OrderedJSON(parsing: Array(line), file: name)
        conversations.append((index + 1, try Self.messages(document)))
      } catch {
        var failure = error
        failure.message = "line \(index + 1): \(error.message)"
        failure.offset = nil
        throw failure.in(file: name)
      }
    }
    self.conversations = conversations
  }

  private static func messages(_ document: OrderedJSON) throws(CheckpointError) -> [ChatMessage] {
    guard let list = document["messages"]?.arrayValue else {
      throw CheckpointError(
        .malformed, "a conversation is an object whose messages are a list; other JSON lines are not text to score")
    }
    if let tools = document["tools"], !tools.isNull {
      throw CheckpointError(
        .unsupported, "descriptions of tools are not put into templates; write them in the system message")
    }
    var result: [ChatMessage] = []
    for message in list {
      guard let role = message["role"]?.stringValue else {
        throw CheckpointError(.malformed, "message \(result.count + 1) has no role")
      }
      guard ["system", "user", "assistant"].contains(role) else {
        throw CheckpointError(
          .unsupported, "message \(result.count + 1) has the role \(role); there are system, user and assistant")
      }
      guard role != "system" || result.isEmpty else {
        throw CheckpointError(.malformed, "message \(result.count + 1) is a system message and not the first")
      }
      if let calls = message["tool_calls"], !calls.isNull, calls.arrayValue?.isEmpty != true {
        throw CheckpointError(
          .unsupported,
          "message \(result.count + 1) has tool_calls, which are not put into templates; write the call into its content"
        )
      }
      result.append(
        ChatMessage(
          role: role, content: try content(message["content"], message: result.count + 1),
          thoughts: role == "assistant" ? message["reasoning_content"]?.stringValue : nil))
    }
    return result
  }

  /// A text, or a list of parts that are texts.
  private static func content(_ value: OrderedJSON?, message: Int) throws(CheckpointError) -> String {
    if let text = value?.stringValue { return text }
    guard let parts = value?.arrayValue else {
      throw CheckpointError(.malformed, "message \(message) has no content")
    }
    var result = ""
    for part in parts {
      guard part["type"]?.stringValue == "text", let text = part["text"]?.stringValue else {
        throw CheckpointError(.unsupported, "message \(message) holds more than text")
      }
      result += text
    }
    return result
  }

  /// The windows of at most so many conversations, in the form of one model's template and with the tokens of another, or the same.
  ///
  /// - Throws: `missing` or `unsupported` for a model whose template is not there or not known, `mismatch` when nothing is scored.
  func windows(
    _ opened: OpenedModel, template: Checkpoint, sha256: String, context: Int, limit: Int?
  ) throws(CheckpointError) -> TextWindows {
    var windows: [TokenWindow] = []
    var without = 0
    var repeated = 0
    var seen: Set<[Int32]> = []
    for conversation in conversations.prefix(limit ?? Int.max) {
      let window = try Self.window(
        ChatFormat.turns(conversation.messages, for: template), ChatFormat.markup(of: template) ?? .chatML, opened,
        context: context)
      if window.scored.isEmpty {
        without += 1
      } else if !seen.insert(window.tokens).inserted {
        // It would count as new evidence.
        repeated += 1
      } else {
        windows.append(window)
      }
    }
    guard !windows.isEmpty else {
      throw CheckpointError(
        .mismatch, "no conversation has an answer within \(context) tokens, so that nothing is scored", file: name)
    }
    var notes: [String] = []
    if without > 0 {
      notes.append("\(counted(without, "conversation")) without an answer within \(context) tokens left out")
    }
    if repeated > 0 { notes.append("\(counted(repeated, "conversation")) left out that came before") }
    return TextWindows(name: name, sha256: sha256, context: context, windows: windows, notes: notes)
  }

  private static func window(
    _ turns: [ChatTurn], _ chat: ChatMarkup, _ opened: OpenedModel, context: Int
  ) throws(CheckpointError) -> TokenWindow {
    guard let end = opened.tokenizer.id(of: chat.endOfAnswer), let first = turns.first,
      let start = try opened.tokenizer.encode(first.opening).first, opened.tokenizer.isControl(start)
    else {
      throw CheckpointError(
        .unsupported, "the tokenizer lacks a token that begins or ends turns in the chat template", file: opened.name)
    }
    var tokens = opened.tokenizer.beginning.map { [$0] } ?? []
    var scored: [Int] = []
    // Every turn begins with a token of its own, so that turns are read alone as they are in company.
    for turn in turns where tokens.count < context {
      let ids = try opened.tokenizer.encode(turn.opening + turn.content + turn.ending)
      if turn.isAnswer, let last = ids.lastIndex(of: end) {
        // The first token that holds nothing of the opening.
        var passed = 0
        let first = ids.firstIndex { id in
          if passed >= turn.opening.utf8.count { return true }
          passed += opened.tokenizer.decodeBytes([id]).count
          return false
        }
        if let first, first <= last { scored += (first...last).map { tokens.count + $0 - 1 } }
      }
      tokens += ids
    }
    let cut = Array(tokens.prefix(context))
    return TokenWindow(tokens: cut, scored: scored.filter { $0 >= 0 && $0 + 1 < cut.count })
  }
}
