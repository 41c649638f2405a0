package org.example.interop;

import org.apache.dubbo.config.ApplicationConfig;

/** What both programs tell Dubbo: to open no port and no connection but the one that is tested. */
final class Settings {
    private Settings() {}

    static ApplicationConfig application(String name) {
        ApplicationConfig application = new ApplicationConfig(name);
        application.setQosEnable(false);
        application.setLogger("jdk");
        return application;
    }
}
