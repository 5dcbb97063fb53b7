/// What a chat template writes around the messages of a conversation.
package struct ChatMarkup: Sendable, Equatable {
  /// What stands around a message.
  package struct Turn: Sendable, Equatable {
    package var opening: String
    package var ending: String
  }

  /// What messages call the form.
  package let name: String
  /// Texts that a template of this form contains, of each list at least one; line feeds are themselves, and quotes single ones.
  private let marks: [[String]]
  /// Texts that only templates of other forms contain.
  private var foreign: [String] = []
  /// Around a message of any role, whose name is in place of `{role}`.
  private let turn: Turn
  /// Around messages of some roles, where it differs.
  private var own: [String: Turn] = [:]
  /// Roles under other names than `user`, `assistant` and `system`.
  private var roles: [String: String] = [:]
  /// What stands between turns.
  package var betweenTurns = ""
  /// What stands before an answer that is asked for, where it is not what stands before one that was given.
  private var request: String?
  /// What is written as a system message's beginning, whether or not there is one.
  private var preamble: String?
  /// What stands between a system message and the first user's, of a form that has no system messages.
  package var systemJoint: String?

  private init(_ name: String, marks: [[String]], opening: String, ending: String) {
    self.name = name
    self.marks = marks
    turn = Turn(opening: opening, ending: ending)
  }

  /// What stands around a message of a role.
  package func turn(_ role: String) -> Turn {
    if let turn = own[role] { return turn }
    let name = roles[role] ?? role
    return Turn(opening: turn.opening.replacing("{role}", with: name), ending: turn.ending)
  }

  /// The token that ends an answer.
  package var endOfAnswer: String { turn("assistant").ending }

  /// What stands before the answer that a prompt asks for.
  package var answerOpening: String { request ?? turn("assistant").opening }

  /// What a template writes first when no system message is given: its own beginning of one, or the whole one that stands in it.
  package func withoutSystem(_ template: String) -> String {
    let system = turn("system")
    if let preamble { return system.opening + preamble + system.ending + betweenTurns }
    guard systemJoint == nil else { return "" }
    // A literal that holds a whole system message: 'opening, text, ending'.
    let plain = Self.plain(template)
    guard let start = plain.firstRange(of: "'" + system.opening)?.upperBound else { return "" }
    let literal = plain[start...].prefix { $0 != "'" }
    guard let end = literal.firstRange(of: system.ending) else { return "" }
    return system.opening + literal[..<end.lowerBound] + system.ending + betweenTurns
  }

  /// A system message as it is written, behind what the template itself begins it with.
  package func system(_ content: String) -> String { (preamble ?? "") + content }

  /// Whether a template writes turns in this form.
  package func isWritten(by template: String) -> Bool {
    let plain = Self.plain(template)
    return marks.allSatisfy { $0.contains { plain.contains($0) } } && !foreign.contains { plain.contains($0) }
  }

  /// A template with its escaped line feeds and double quotes in one spelling.
  private static func plain(_ template: String) -> String {
    template.replacing("\\n", with: "\n").replacing("\"", with: "'")
  }
}

extension ChatMarkup {
  /// The form of the Qwen family, which many others took over.
  package static let chatML: ChatMarkup = {
    var chat = ChatMarkup(
      "ChatML", marks: [["<|im_start|>"], ["<|im_end|>"]], opening: "<|im_start|>{role}\n", ending: "<|im_end|>")
    chat.betweenTurns = "\n"
    chat.foreign = ["strftime_now"]
    return chat
  }()

  /// Llama 3's.
  package static let llama3: ChatMarkup = {
    var chat = ChatMarkup(
      "Llama 3", marks: [["<|start_header_id|>"], ["<|eot_id|>"]],
      opening: "<|start_header_id|>{role}<|end_header_id|>\n\n", ending: "<|eot_id|>")
    chat.foreign = ["Cutting Knowledge Date"]
    return chat
  }()

  /// That of Llama 3.1 to 3.3, which speaks of dates; of today's it takes what it falls back on, so that runs can be repeated.
  package static let llama31: ChatMarkup = {
    var chat = ChatMarkup(
      "Llama 3.1",
      marks: [["<|start_header_id|>"], ["<|eot_id|>"], ["Cutting Knowledge Date: December 2023"], ["26 Jul 2024"]],
      opening: "<|start_header_id|>{role}<|end_header_id|>\n\n", ending: "<|eot_id|>")
    chat.preamble = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
    return chat
  }()

  /// Llama 2's and the first Mistral's, and what later Mistrals made of it.
  ///
  /// - Parameters:
  ///   - opening: before a question.
  ///   - ending: behind it.
  ///   - answer: before an answer.
  /// - Returns: the form.
  private static func instructions(_ opening: String, _ ending: String, answer: String) -> ChatMarkup {
    var chat = ChatMarkup(
      "[INST]", marks: [["'" + opening + "'"], ["'" + ending + "'"]], opening: opening, ending: ending)
    chat.own = ["assistant": Turn(opening: answer, ending: "</s>")]
    chat.request = ""
    chat.systemJoint = "\n\n"
    return chat
  }

  package static let llama2 = instructions("[INST] ", " [/INST]", answer: " ")
  package static let mistralV3 = instructions("[INST] ", "[/INST]", answer: " ")
  package static let mistralTekken = instructions("[INST]", "[/INST]", answer: "")

  /// Gemma's, whose assistant is called model.
  package static let gemma: ChatMarkup = {
    var chat = ChatMarkup(
      "Gemma's", marks: [["<start_of_turn>"], ["<end_of_turn>"]], opening: "<start_of_turn>{role}\n",
      ending: "<end_of_turn>")
    chat.betweenTurns = "\n"
    chat.roles = ["assistant": "model"]
    chat.systemJoint = "\n\n"
    return chat
  }()

  /// Phi-3's.
  package static let phi3: ChatMarkup = {
    var chat = ChatMarkup(
      "Phi-3's", marks: [["<|end|>"], ["'<|assistant|>\n'"]], opening: "<|{role}|>\n", ending: "<|end|>")
    chat.betweenTurns = "\n"
    return chat
  }()

  /// Phi-4-mini's, without line feeds.
  package static let phi4mini = ChatMarkup(
    "Phi-4-mini's", marks: [["<|end|>"], ["'<|assistant|>'"]], opening: "<|{role}|>", ending: "<|end|>")

  /// GPT-OSS's without channels and dates.
  package static let harmony: ChatMarkup = {
    var chat = ChatMarkup(
      "Harmony", marks: [["<|start|>"], ["<|message|>"], ["<|end|>"]], opening: "<|start|>{role}<|message|>",
      ending: "<|end|>")
    chat.request = "<|start|>assistant"
    // The published one begins with today's date.
    chat.foreign = ["strftime_now"]
    return chat
  }()
}
