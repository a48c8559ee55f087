// Opens and runs every plan of a directory in one JVM, as `jmeter -n` does, one after another.
// args: JMETER_HOME, the directory. A plan that cannot be opened or run is said and left.
import org.apache.jmeter.JMeter
import org.apache.jmeter.engine.StandardJMeterEngine
import org.apache.jmeter.save.SaveService
import org.apache.jmeter.util.JMeterUtils

def home = args[0]
JMeterUtils.setJMeterHome(home)
JMeterUtils.loadJMeterProperties("${home}/bin/jmeter.properties")
JMeterUtils.initLocale()
new File(args[1]).listFiles().findAll { it.name.endsWith(".jmx") }.sort().each { plan ->
    try {
        def tree = SaveService.loadTree(plan)
        JMeter.convertSubTree(tree, false)
        def engine = new StandardJMeterEngine()
        engine.configure(tree)
        // A plan whose main controller never ends is stopped; its code has run by then.
        def run = Thread.start { engine.run() }
        run.join(2000)
        if (run.alive) engine.stopTest(true)
        run.join(5000)
        println "RAN ${plan.name}"
    } catch (Throwable failure) {
        println "FAILED ${plan.name} ${failure.class.simpleName}"
    }
}
System.exit(0)
